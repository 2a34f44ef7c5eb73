"""What every server of the program listens with."""

from __future__ import annotations

import socket

from judge.files.listening import listening


def test_the_body_of_an_answer_does_not_wait_until_the_client_acknowledges_its_head() -> None:
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
