"""Whose deadline the capacities leave no room for, as the certificate finds it: by eigenvalues."""

from __future__ import annotations

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.games._social.certificate_replies import Scenes

_ROOM = 1e-3  # part of the capacities that must be left, as the game defines it


def first_late(scenes: Scenes, theta: FloatArray, capacity: FloatArray) -> int:
    """Return the first group of `scenes` whose deadline cannot be met besides those of the groups before; or -1."""
    groups = np.flatnonzero(np.isfinite(scenes.deadline_s))
    if len(groups) == 0 or _least_load(scenes, theta, capacity, groups) <= 1.0 - _ROOM:
        return -1
    for count in range(1, len(groups)):
        if _least_load(scenes, theta, capacity, groups[:count]) > 1.0 - _ROOM:
            return int(groups[count - 1])
    return int(groups[-1])


def _least_load(scenes: Scenes, theta: FloatArray, capacity: FloatArray, groups: IntArray) -> float:
    """Return the least part t of all capacities with which these groups can be in time.

    By duality it is max over v >= 0, sum v = 1, of sum_i (sum_j sqrt(v_j theta_ij work_ij / capacity_j))^2 / room_i:
    with x_j = sqrt(v_j) the largest eigenvalue of a matrix without negative entries.
    """
    fixed_s = np.add.reduceat(theta * scenes.delay_s, scenes.start)
    chosen = np.isin(scenes.owner, groups) & np.isfinite(capacity[scenes.leader])
    entry, leader = np.flatnonzero(chosen), scenes.leader[chosen]
    table = np.zeros((len(scenes.start), len(capacity)))
    table[scenes.owner[entry], leader] = (theta * scenes.work)[entry] / capacity[leader]
    root = np.sqrt(table[groups] / (scenes.deadline_s - fixed_s)[groups][:, None])
    return float(np.linalg.eigvalsh(root.T @ root)[-1])
