"""The picture of the sweep: how good each controller is, and how three of them move the motor."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

COLOURS = {"best": "#1b7837", "fast, but rings": "#c51b7d", "calm, but slow": "#2166ac"}
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "legend.frameon": False,
}


def draw(path: Path, table, chosen, references) -> None:
    """Write the picture.

    Parameters
    ----------
    path : Path
        The PNG file.
    table : pandas.DataFrame
        Columns gain, damping, amplitude, overshoot, rms.
    chosen : dict
        amplitude -> name (a key of COLOURS) -> (gain, damping, trajectory).
    references : dict
        amplitude -> (t, angle asked for).
    """
    amplitudes = sorted(chosen)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            2, len(amplitudes), figsize=(3.9 * len(amplitudes), 6.6), layout="constrained", squeeze=False
        )
        for above, below, amplitude in zip(axes[0], axes[1], amplitudes, strict=True):
            image = heat_map(above, table[table["amplitude"] == amplitude], amplitude, chosen[amplitude])
            trajectories(below, chosen[amplitude], *references[amplitude])
        axes[0, 0].set_ylabel("damping  [V s/rad]")
        axes[1, 0].set_ylabel("angle / step")
        figure.colorbar(image, ax=axes[0], label="rms error  [% of the step]", extend="max", pad=0.01)
        figure.suptitle("DC motor, position control: gain × damping × size of the step", fontsize=12)
        figure.savefig(path, dpi=150)
        plt.close(figure)


def heat_map(axes, table, amplitude, chosen):
    """The rms error over gain and damping, where the overshoot passes 5 %, and the chosen controllers."""
    error = 100.0 / amplitude * table.pivot(index="damping", columns="gain", values="rms")
    overshoot = table.pivot(index="damping", columns="gain", values="overshoot")
    gain, damping = error.columns.to_numpy(float), error.index.to_numpy(float)
    image = axes.pcolormesh(
        gain, damping, error.to_numpy(), shading="nearest", cmap="viridis_r", vmin=4.0, vmax=30.0, rasterized=True
    )
    line = axes.contour(gain, damping, overshoot.to_numpy(), levels=[5.0], colors="white", linewidths=1.2)
    axes.clabel(line, fmt="5 %% overshoot", fontsize=7)
    for name, (its_gain, its_damping, _) in chosen.items():
        axes.plot(its_gain, its_damping, "o", ms=8, mfc=COLOURS[name], mec="white", mew=1.5)
    axes.set(xscale="log", xlabel="gain  [V/rad]", title=f"a step of {amplitude:g} rad")
    ticks = [5, 10, 20, 50, 100]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    return image


def trajectories(axes, chosen, ref_t, ref_y):
    """The angle over time, relative to the step, of each chosen controller."""
    step = ref_y[-1]
    axes.axhspan(0.95, 1.05, color="#eeeeee", lw=0)
    axes.plot(ref_t, ref_y / step, color="#444444", lw=1.0, ls=(0, (4, 2)), label="reference")
    for name, (gain, damping, traj) in chosen.items():
        label = f"{name}: {gain:.0f} V/rad, {damping:.2f} V s/rad"
        axes.plot(traj["t"], traj["angle"] / step, color=COLOURS[name], lw=1.6, label=label)
    axes.set(xlabel="time  [s]", xlim=(0.05, 0.75), ylim=(-0.05, 2.3), yticks=np.arange(0.0, 2.5, 0.5))
    axes.legend(loc="upper right", fontsize=7)
