"""Is an address free, and who has it if not?"""

from __future__ import annotations

import socket

import psutil


def is_free(host: str, port: int) -> bool:
    """Can a server listen there?"""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: without it a port that was just left counts as taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Who listens on a port, as far as this user may know: `python server.py (pid 41)`."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return "another process"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
            try:
                words = " ".join(psutil.Process(connection.pid).cmdline())
            except psutil.Error:
                words = "a process"
            return f"{words[:120]} (pid {connection.pid})"
    return "another process"
