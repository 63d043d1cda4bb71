"""Flies a Tello with djitellopy, unmodified, as its users do; says what happened.

Prints one JSON object: each step with `true`, or with what djitellopy raised.
The drone is at djitellopy's own address for it, 192.168.10.1.
"""

import json
import logging
import sys

from djitellopy import Tello

Tello.LOGGER.setLevel(logging.WARNING)

steps = {}


def step(name, act):
    """Runs one step and notes how it ended; the next one follows all the same."""
    try:
        answer = act()
        steps[name] = True if answer is None else answer
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
        steps[name] = str(error)


drone = Tello()
step("connect", drone.connect)
step("battery", drone.get_battery)
step("query_battery", drone.query_battery)
step("takeoff", drone.takeoff)
step("up", lambda: drone.move_up(30))
step("turn", lambda: drone.rotate_clockwise(90))
step("forward", lambda: drone.move_forward(50))
step("height", drone.get_height)
step("temperature", drone.get_temperature)
step("rc", lambda: drone.send_rc_control(0, 0, 0, 0))
step("land", drone.land)
print(json.dumps(steps))
sys.stdout.flush()
