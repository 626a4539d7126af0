"""Where webhooks may go: forms of URLs, tables of addresses, and names that lead elsewhere the second time."""

from ipaddress import ip_address

import httpcore
import pytest

from hashrail.events.targets import (
    Address,
    BadWebhookUrlError,
    CheckedNetwork,
    Rules,
    TargetRefusedError,
    check_url,
    is_public,
)
from tests.support.hooked import hooked

PRODUCTION, SANDBOX = Rules(anywhere=False), Rules(anywhere=True)


@pytest.mark.parametrize(
    "text",
    [
        *("https://hooks.example.com", "https://example.com/a?b=c", "https://example.com:443/", "https://a.io:8443/x"),
        *("https://xn--bcher-kva.example/", "https://8.8.8.8/x", "https://[2606:4700::1111]/x", "HTTPS://EXAMPLE.COM"),
    ],
)
def test_urls_in_the_world(text: str) -> None:
    check_url(text, PRODUCTION)


@pytest.mark.parametrize(
    "text",
    [
        *("http://example.com", "ftp://example.com", "https://", "https:///x", "example.com", "", "file:///etc/passwd"),
        *("https://user@example.com", "https://user:pw@example.com", "https://example.com:22/", "https://a.io:99999/"),
        *("https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data"),
        *(
            "https://[::ffff:127.0.0.1]/",
            "https://exa mple.com/",
            "https://example.com\\@127.0.0.1/",
            "https://a.io/\n",
        ),
        *("https://bücher.example/", "https://example.com/#x", "https://-a.io/", "https://a.io:x/", "https://[::1"),
        *("https://example.com/" + "a" * 2000, "https://a%2eio/", "https://[fd00:ec2::254]/", "https://@a.io"),
    ],
)
def test_urls_that_are_refused(text: str) -> None:
    with pytest.raises(BadWebhookUrlError):
        check_url(text, PRODUCTION)


def test_a_sandbox_takes_its_own_machine() -> None:
    for text in ("http://127.0.0.1:8000/hook", "http://localhost:22", "https://10.1.2.3/"):
        check_url(text, SANDBOX)
    with pytest.raises(BadWebhookUrlError):
        check_url("http://user@localhost", SANDBOX)


@pytest.mark.parametrize(
    "text",
    [
        *("0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
        *("169.254.169.254", "169.254.170.2", "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.192"),
        *("192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
        *("64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::"),
        *("fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "3fff::1", "4000::1"),
    ],
)
def test_addresses_that_are_nobodys_in_the_world(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_world(text: str) -> None:
    assert is_public(ip_address(text))


class Names:
    """A resolver that answers differently each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def look_up(self, host: str, _port: int) -> list[Address]:
        self.asked.append(host)
        return [ip_address(text) for text in self.answers.pop(0)]


async def test_a_name_is_asked_for_once_and_what_was_looked_at_is_called() -> None:
    """The second answer, which is within the network, is never heard."""
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    network = CheckedNetwork(PRODUCTION, names.look_up)
    called: list[str] = []

    class Outside(httpcore.AnyIOBackend):
        async def connect_tcp(self, host: str, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
            called.append(host)
            raise httpcore.ConnectError("nobody there")

    network._real = Outside()
    with pytest.raises(httpcore.ConnectError):
        await network.connect_tcp("rebinding.example", 443)
    assert called == ["8.8.8.8"]
    with pytest.raises(TargetRefusedError, match=r"127\.0\.0\.1"):
        await network.connect_tcp("rebinding.example", 443)
    assert called == ["8.8.8.8"]
    assert names.asked == ["rebinding.example"] * 2


async def test_one_private_address_among_public_ones_refuses_all() -> None:
    network = CheckedNetwork(PRODUCTION, Names(["8.8.8.8", "::1"]).look_up)
    with pytest.raises(TargetRefusedError):
        await network.connect_tcp("mixed.example", 443)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "0", "nowhere.invalid"])
async def test_other_ways_of_writing_this_machine(host: str) -> None:
    """What the system's resolver makes of them is looked at."""
    with hooked() as receiver:
        with pytest.raises(TargetRefusedError):
            await CheckedNetwork(PRODUCTION).connect_tcp(host, receiver.port)
        assert receiver.hooks == []


async def test_the_first_address_that_answers_is_taken() -> None:
    with hooked() as receiver:
        network = CheckedNetwork(SANDBOX, Names(["127.0.0.2", "127.0.0.1"]).look_up)
        stream = await network.connect_tcp("two.example", receiver.port)
        assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        await stream.aclose()
