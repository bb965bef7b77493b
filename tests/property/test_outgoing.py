"""Queries of requests to sources: whatever the parameters are, the other side reads these."""

from urllib.parse import parse_qsl, quote

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.auth import ConstantAuth
from gateway.outgoing import Params, Service

SERVICE = Service("http://source.example/api/", ConstantAuth(""), lambda _answer: None, frozenset(), {})
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.from_regex(r"[a-z0-9_.~:,=&-]*", fullmatch=True)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
@example([("a", "b&c=d")])
@example([("a=b", "c"), ("d&e", "")])
def test_parameters_arrive_as_they_were_given(params: Params) -> None:
    request = SERVICE.request("GET", "jobs/", params, "application/json", None, None)
    path, _, query = request.target.partition("?")
    assert path == "/api/jobs/"
    assert parse_qsl(query, keep_blank_values=True, strict_parsing=True) == list(params)
    assert query == "&".join(f"{quote(name, safe=':,')}={quote(value, safe=':,')}" for name, value in params)
