"""Attacks by the network: to get out, to be reached, to reach what listens here."""

from __future__ import annotations

import socket

from kandil.sandbox.payloads import Bait, probe


def _connected(family: int, kind: int, address: object) -> bool:
    with socket.socket(family, kind) as to:
        to.settimeout(2)
        to.connect(address)  # type: ignore[arg-type]  # one that the family takes
        return to.send(b"!") == 1


@probe("connect over TCP")
def tcp(bait: Bait) -> bool:
    return _connected(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", bait.port))


@probe("connect over TCP in the first packet")
def tcp_fast_open(bait: Bait) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as to:
        return to.sendto(b"!", socket.MSG_FASTOPEN, ("127.0.0.1", bait.port)) == 1


@probe("send over UDP")
def udp(bait: Bait) -> bool:
    return _connected(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", bait.port))


@probe("connect to a Unix socket by its path")
def unix(bait: Bait) -> bool:
    return _connected(socket.AF_UNIX, socket.SOCK_STREAM, f"{bait.folder}/socket")


@probe("connect to an abstract Unix socket")
def unix_abstract(bait: Bait) -> bool:
    return _connected(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + bait.abstract)


@probe("listen on a TCP port")
def listen(_bait: Bait) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        return True


@probe("listen on an abstract Unix socket")
def listen_abstract(bait: Bait) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as own:
        own.bind(f"\0{bait.abstract}-own")
        return True


@probe("ask the kernel for its routes (netlink)")
def netlink(_bait: Bait) -> bool:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as own:
        own.bind((0, 0))
        return True


@probe("open a socket to the hypervisor (vsock)", "system")
def vsock(_bait: Bait) -> bool:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
    return True


@probe("open a raw socket", "root")
def raw_socket(_bait: Bait) -> bool:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    return True


@probe("open a packet socket", "root")
def packet_socket(_bait: Bait) -> bool:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    return True


@probe("use the kernel's cryptography (AF_ALG)", "system")
def kernel_cryptography(_bait: Bait) -> bool:
    with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET, 0) as own:
        own.bind(("hash", "sha256"))
        return True


@probe("make a pair of sockets")
def socket_pair(_bait: Bait) -> bool:
    socket.socketpair()
    return True
