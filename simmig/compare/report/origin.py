"""Where the numbers of a report come from: versions, games and policies of its runs, and how its intervals are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from simmig.compare.report.grouping import Study
from simmig.compare.statistics import Resampling
from simmig.report.numbers import number
from simmig.run.folder import read_json

# The papers whose games are played, as in CITATION.cff.
PAPERS = {
    "immersion": "Kang, Zhong, Xu, Nie, Wen, Du, Ye, Huang, Niyato and Xie: Tiny Multi-Agent DRL for Twins Migration "
    "in UAV Metaverses: A Multi-Leader Multi-Follower Stackelberg Game Approach. arXiv:2401.09680",
    "social": "Kang, Zhang, Yang, Ye and Hossain: When Metaverses Meet Vehicle Road Cooperation: Multi-Agent DRL-Based "
    "Stackelberg Game for Vehicular Twins Migration",
    "embodied": "Zeng, Wei and Kang: TinyMA-IEI-PPO: Exploration Incentive-Driven Multi-Agent DRL with Self-Adaptive "
    "Pruning for Vehicular Embodied AI Agent Twins Migration",
}


@dataclass(frozen=True, slots=True)
class Source:
    """What run.json says of one run; `policies` are (path in the scenario's folder, digest) of those that played."""

    agent: str
    versions: str
    game: str
    scenario_folder: Path
    policies: tuple[tuple[str, str], ...]


def sources(study: Study) -> list[Source]:
    """Return where every run that is done comes from; runs without a folder are left out."""
    found = []
    for k, name in enumerate(study.rows["folder"]):
        if study.is_done[k] and isinstance(name, str) and name:
            folder = Path(name)
            found.append(_source(study.agent_of[k], folder, read_json(folder, "run.json")))
    return found


def _source(agent: str, folder: Path, run: dict[str, Any]) -> Source:
    packages = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    versions = (
        f"simmig {run['simmig_version']} (results version {run['results_version']}, source "
        f"{run['git_revision'] or 'installed package'}), Python {run['python']}, {packages}"
    )
    policies = [of for of in run.get("agent_files", {}).values() if of.get("policy") is not None]
    return Source(
        agent,
        versions,
        str(((run["scenario"].get("market") or {}).get("game") or {}).get("kind", "")),
        folder / run["scenario_folder"],
        tuple((str(of["policy"]), str(of.get("policy_sha256"))) for of in policies),
    )


def versions_of(found: Sequence[Source]) -> list[str]:
    """Return the different versions that the runs were made with."""
    return list(dict.fromkeys(source.versions for source in found))


def papers_of(found: Sequence[Source]) -> list[str]:
    """Return the papers whose games were played."""
    return [PAPERS[game] for game in dict.fromkeys(source.game for source in found) if game in PAPERS]


def seeds_text(seeds: Sequence[int]) -> str:
    """Return seeds as ranges: 0 to 9, 12."""
    ordered = sorted(set(seeds))
    told = []
    for _, group in groupby(enumerate(ordered), lambda pair: pair[1] - pair[0]):
        run = [seed for _, seed in group]
        told.append(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}")
    return ", ".join(told)


def methods(resampling: Resampling, comparisons: int) -> list[str]:
    """Return how intervals and verdicts are made, a paragraph each."""
    share = f"{100 * resampling.confidence:g} %"
    return [
        "Agents are compared seed by seed: runs with the same seed have the same luck, most of which their difference "
        "cancels. A pair of agents is compared on the seeds that both have.",
        f"Intervals of means and of mean differences hold the truth in {share} of all studies: Student's t with Hall's "
        "(1992) transformation for skewed scatter. Measured on synthetic scatter of known law, normal, heavy-tailed or "
        "as skewed as an exponential law, 95 % intervals of 10, 30 and 100 seeds hold it in 94 to 96 % of all cases; "
        "of ten seeds that scatter as a lognormal law with sigma 1, in 92 %.",
        "A difference is called one if its interval leaves out zero and a permutation test (changing the signs of the "
        f"differences, Fisher 1935) says so after Holm's (1979) correction for all {number(comparisons)} comparisons "
        f"of this report, agents times measures times settings: at most {100 - 100 * resampling.confidence:g} % of "
        "such reports would have even one false alarm. “No difference seen” does not say that there is none.",
        f"Performance profiles and probabilities of improvement are those of Agarwal et al. (NeurIPS 2021), with "
        f"percentile intervals from {number(resampling.resamples)} resamples (seed {resampling.seed}).",
    ]
