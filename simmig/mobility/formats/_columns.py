"""Which column plays which role: usual names, or the names a user gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simmig.errors import TraceError


def find_columns(
    source: str, names: Sequence[str], usual: Mapping[str, Sequence[str]], given: Mapping[str, str]
) -> dict[str, int]:
    """Return the index of each role's column among `names`, roles without a column left out.

    `usual` lists names (in lower case) for each role; `given` overrides them, "" leaves a role out. Case
    does not matter; a column given to one role is not the usual one of another. Raises TraceError if a
    role is unknown, could be played by several columns, or names none.
    """
    for role in given:
        if role not in usual:
            raise TraceError(f"{source}: columns names an unknown role '{role}'; expected {', '.join(usual)}")
    lower = [name.lower() for name in names]
    taken = {name.lower() for name in given.values()}
    roles = {}
    for role, candidates in usual.items():
        accepted = {given[role].lower()} if role in given else set(candidates) - taken
        found = [index for index, name in enumerate(lower) if name and name in accepted]
        if len(found) > 1:
            several = " and ".join(names[index] for index in found)
            raise TraceError(f'{source}: {role} could be {several}; choose with columns = {{ {role} = ".." }}')
        if found:
            roles[role] = found[0]
        elif given.get(role):
            raise TraceError(f"{source}: has no column '{given[role]}' for {role}; it has {', '.join(names)}")
    return roles


def require_columns(
    source: str,
    names: Sequence[str],
    roles: Mapping[str, int],
    usual: Mapping[str, Sequence[str]],
    needed: str,
) -> None:
    """Raise TraceError if a role (or, for "lon,lat|x,y", each of the alternatives) has no column."""
    if any(all(role in roles for role in pair.split(",")) for pair in needed.split("|")):
        return
    wanted = needed.replace(",", " and ").replace("|", ", or ")
    role = needed.split("|")[0].split(",")[0]
    raise TraceError(
        f"{source}: no column for {wanted}; it has {', '.join(names)[:200]}; usual names are "
        f'{", ".join(usual[role])}; say which one it is with columns = {{ {role} = ".." }}'
    )
