"""Workers: processes that make the runs of a study side by side.

`local.LocalWorkers` on this machine, `cluster.RayWorkers` on the nodes of a Ray cluster. A run that crashes, hangs or
takes too much memory is an outcome like any other, and ends nothing but its own process.
"""
