"""Which addresses may have the key, however they are written."""

from __future__ import annotations

import pytest

from providers.base import TellOperator
from providers.wire.hosts import Hosts


@pytest.fixture
def hosts() -> Hosts:
    return Hosts(
        title="Vendor",
        base_url="http://127.0.0.1:8080/v1",
        domains=("vendor.ai",),
        headers={"x-key": "secret-key"},
        secrets=("secret-key",),
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://vendor.ai/x",
        "https://api.us1.vendor.ai/v1/get_result?id=1",
        "https://api.vendor.ai:443/x",
        "https://API.Vendor.AI/x",
        "http://127.0.0.1:8080/anything",
    ],
)
def test_the_vendors_own_hosts_are_trusted(hosts: Hosts, url: str) -> None:
    assert hosts.trusts(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.vendor.ai/x",
        "https://api.vendor.ai:8443/x",
        "https://vendor.ai.evil.example/x",
        "https://evilvendor.ai/x",
        "https://evil.example/vendor.ai",
        "https://evil.example\\@vendor.ai/x",
        "https://user:pass@vendor.ai/x",
        "https://vendor.ai@evil.example/x",
        "https://vendor.ai#@evil.example/x",
        "http://127.0.0.1:8081/x",
        "http://localhost:8080/x",
        "ftp://vendor.ai/x",
        "https:///x",
        "https://vendor.ai:99999/x",
        "https://[::1/x",
        "https://vendor.ai/a\r\nx-injected: 1",
        "//vendor.ai/x",
        "",
    ],
)
def test_everything_else_is_not(hosts: Hosts, url: str) -> None:
    # A fragment is cut off by everybody alike; what is before it decides.
    assert not hosts.trusts(url) or "#" in url
    if "#" not in url:
        with pytest.raises(TellOperator, match="key must not go"):
            hosts.call("GET", url)


def test_without_a_key_any_https_address_will_do() -> None:
    bare = Hosts(title="Vendor", base_url="http://127.0.0.1:8080", domains=None, headers={})
    assert bare.trusts("https://storage.example/put")
    assert not bare.trusts("http://storage.example/put")
