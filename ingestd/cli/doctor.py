"""Being written."""


def register(commands: object) -> None: ...
