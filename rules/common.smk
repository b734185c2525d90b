from functools import partial

from scaletrace import python_command
from scaletrace.jobs.command import ENVIRONMENT
from scaletrace.workflow import Asked

# Every job is one call of the job wrapper.
EXPORTS = " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
# Even where nobody has told the shell its home, it knows that.
shell.prefix(f"set -euo pipefail; export HOME=~ {EXPORTS}; ")

JOB = (
    f"exec {python_command.in_shell('scaletrace.job')} {{params.stage}} --study {GRAPH.study}"
    " --job {params.job:q} --settings {params.settings:q} --threads {threads} > {log} 2>&1"
)
# What the graph says of a rule's jobs.
asked = partial(Asked, GRAPH, room=ROOM)
# Of the one slot that the profile has for each submission: local jobs share none.
SIDE_BY_SIDE = 0
