"""What a cell does with a run that it has started: a variable, a dashboard, and waiting."""

from __future__ import annotations

from typing import Any

from nbdl import training
from nbdl.experiments import Sweep
from nbdl.magics import show, sweeping
from nbdl.magics.dashboards import Dashboards
from nbdl.magics.waiting import Waiting, hold, in_batch, interrupts_end


class Starting:
    """Takes over what the magics have started.

    Args:
        shell: IPython's shell.
        waiting: decides which cells wait for a training.
        dashboards: knows which runs this cell has shown.
    """

    def __init__(self, shell: Any, waiting: Waiting, dashboards: Dashboards) -> None:
        self.shell, self.waiting, self.dashboards = shell, waiting, dashboards

    def watch(self, run: Any, name: str, wait: bool) -> None:
        """Show a run or a sweep as the variable ``name``; wait for its end if that is wished."""
        wait = wait or in_batch(self.shell)
        self.keep_as(name, run)
        with interrupts_end(run):  # Stop may be pressed while the dashboard is being drawn
            self.dashboards.has_shown(run)
            live: Any
            if isinstance(run, Sweep):
                live = sweeping.view(self.shell, run, show_now=False)
            else:
                live = show.run(self.shell, run)
            if wait:
                live.hold(hold, run)
        if wait:
            run.wait()
        else:
            self.waiting.started(run)

    def keep_as(self, name: str, found: Any) -> None:
        """Make what was done a variable, unless the name belongs to something else."""
        before = self.shell.user_ns.get(name)
        if before is None or isinstance(before, type(found)):
            self.shell.user_ns[str(name)] = found
            if isinstance(found, training.Run):
                found.variable = str(name)
        else:
            print(f"the variable {name!r} was left as it is; --as NAME keeps it as NAME")
