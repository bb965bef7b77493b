"""``execution-gateway schema | completion``."""

import json

import click
from click.shell_completion import get_completion_class

from gateway.api.schema import public_sdl, schema

PROGRAM = "execution-gateway"
COMPLETE_VARIABLE = "_EXECUTION_GATEWAY_COMPLETE"
"""click's own name for it, from the program's."""


@click.command(name="schema")
@click.option("--json", "as_json", is_flag=True, help="As the answer to an introspection query, for tools that read that.")
def print_schema(as_json: bool) -> None:
    """Print the public schema."""
    if as_json:
        click.echo(json.dumps({"data": schema().introspect()}, indent=2, ensure_ascii=False))
    else:
        click.echo(public_sdl(), nl=False)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    r"""Print what makes a shell complete commands and options.

    \b
    bash:  eval "$(execution-gateway completion bash)"    in ~/.bashrc
    zsh:   eval "$(execution-gateway completion zsh)"     in ~/.zshrc
    fish:  execution-gateway completion fish > ~/.config/fish/completions/execution-gateway.fish
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.ClickException(f"click cannot complete in {shell}.")
    click.echo(made(context.find_root().command, {}, PROGRAM, COMPLETE_VARIABLE).source())
