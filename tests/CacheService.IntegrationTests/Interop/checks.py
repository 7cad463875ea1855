"""Checks that print a line each, and end the program where one fails; and a way to the database, through the test that runs the program."""

import os
import sys
import threading

import grpc

_talking = threading.Lock()


def check(what, actual, expected):
    """Asserts that two values are equal."""
    check_that(what, actual == expected, actual, repr(expected))


def check_that(what, holds, actual, expected):
    """Asserts a condition; the other arguments say what was expected, in words, and what came."""
    if not holds:
        _say(f"FAILED {what}: expected {expected}, came {actual!r}")
        # From whichever thread it is called.
        os._exit(1)
    _say(f"ok     {what}")


def check_error(what, call, code, words):
    """Asserts that a call fails with a status code, and with certain words in its message."""
    try:
        answer = call()
    except grpc.RpcError as error:
        details = error.details() or ""
        check_that(what, error.code() == code and words in details, f"{error.code().name}: {details}", f"{code.name} with {words!r}")
    else:
        check_that(what, False, answer, f"{code.name} with {words!r}")


def sql(statement):
    """Runs a statement on the one database connection that the test keeps for the program; answers its first value, as text."""
    with _talking:
        print("sql", " ".join(statement.split()), flush=True)
        return sys.stdin.readline().rstrip("\n")


def finish():
    """Tells the test that the program came to its end, and ends it."""
    _say("done")
    # The interpreter's own end waits for threads of grpcio, which with a thousand calls may wait for each other.
    os._exit(0)


def _say(line):
    with _talking:
        print(line, flush=True)
