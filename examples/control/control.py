"""Position control of a DC motor: a reference, the closed loop, and how well the loop follows.

The motor has friction and its amplifier a limit, so a controller that is good for small steps need not be good
for large ones: that is what the sweep in ``run.py`` is about.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.integrate import solve_ivp

import sweepable

RESISTANCE = 1.2  # ohm
INDUCTANCE = 2.0e-3  # henry
TORQUE_CONSTANT = 0.06  # newton metre per ampere, and volt second per radian
INERTIA = 2.5e-4  # kilogram square metre
VISCOUS = 1.0e-4  # newton metre second per radian
COULOMB = 0.02  # newton metre
VOLTAGE_LIMIT = 24.0  # volt


@sweepable.cache
def get_reference(amplitude=1.0, rise_time=0.02, duration=1.2):
    """The angle to follow: a step of ``amplitude`` radian at 0.1 s, rounded off over ``rise_time``."""
    t = np.linspace(0.0, duration, 1201)
    phase = np.clip((t - 0.1) / rise_time, 0.0, 1.0)
    return {"ref_t": t, "ref_y": amplitude * phase**2 * (3.0 - 2.0 * phase)}


def motor(state, voltage):
    """The derivative of (angle, speed, current)."""
    _, speed, current = state
    friction = VISCOUS * speed + COULOMB * np.tanh(speed / 0.05)
    return (
        speed,
        (TORQUE_CONSTANT * current - friction) / INERTIA,
        (voltage - RESISTANCE * current - TORQUE_CONSTANT * speed) / INDUCTANCE,
    )


@sweepable.cache(out_traj=pd.DataFrame)
def sim_system(reference=get_reference, gain=20.0, damping=0.4):
    """The closed loop: ``gain`` in volt per radian of error, ``damping`` in volt second per radian."""
    ref_t, ref_y = reference.ref_t, reference.ref_y

    def voltage(t, state):
        demand = gain * (np.interp(t, ref_t, ref_y) - state[0]) - damping * state[1]
        return np.clip(demand, -VOLTAGE_LIMIT, VOLTAGE_LIMIT)

    solution = solve_ivp(
        lambda t, state: motor(state, voltage(t, state)),
        (ref_t[0], ref_t[-1]),
        (0.0, 0.0, 0.0),
        method="LSODA",
        t_eval=ref_t,
        rtol=1e-6,
        atol=1e-8,
        max_step=0.005,  # so that the step of the reference is not stepped over
    )
    angle, speed, current = solution.y
    volts = [voltage(t, state) for t, state in zip(ref_t, solution.y.T, strict=True)]
    return pd.DataFrame({"t": ref_t, "angle": angle, "speed": speed, "current": current, "voltage": volts})


@sweepable.cache(overshoot=float, settling_time=float, rms=float)
def evaluate_sim(sim_result=sim_system, band=0.05):
    """How well the angle follows: overshoot in percent of the step, seconds until the error stays within ``band``
    (nan: it never does), and rms error in radian."""
    traj, ref_y = sim_result.out_traj, sim_result.reference.ref_y
    t, angle = traj["t"].to_numpy(), traj["angle"].to_numpy()
    step = ref_y[-1]
    outside = np.flatnonzero(np.abs(angle - step) > band * abs(step))
    overshoot = 100.0 * max(0.0, angle.max() / step - 1.0)
    settling_time = t[outside[-1]] - 0.1 if outside[-1] < t.size - 1 else np.nan
    rms = np.sqrt(np.mean((angle - ref_y) ** 2))
    return overshoot, settling_time, rms
