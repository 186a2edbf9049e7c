"""``/overview``: the last hour, for admins."""

from __future__ import annotations

from tests.web.world import World


def test_as_much_of_the_last_hour_as_is_wanted(world: World) -> None:
    world.channel()
    for second in range(0, 50, 5):
        world.do(_measure(world, 1000.0 + second))
    whole, part = (world.ask("root", "GET", f"/overview{query}").json() for query in ("", "?seconds=15"))
    assert (len(whole["lag"]), len(part["lag"])) == (10, 3)
    assert part["newest"] == whole["newest"] == 209
    assert part["broadcasts"]["starting"][-1] >= 1
    for wrong in ("4", "3601", "nan", "x"):
        assert world.ask("root", "GET", f"/overview?seconds={wrong}").status_code == 400


async def _measure(world: World, now: float) -> None:
    world.overview.measure(now)
