"""Opens what may be hostile where it can do no harm.

- `supervisor`: starts one child for one file, hands it one descriptor and one task, watches it, ends it, and takes its
  report as untrusted bytes. `run_child` is what callers use.
- `child`: the program of that process. It imports a *work module*, lets it prepare, puts the layers on, and lets it work.
- `layers`: which layers there are, and which of them must be there.
- `report`: what a child may say, and how strictly it is read.
- `model`: opens a model file, once.
- `cgroup`, `macos`: what only some systems have.
- `probes`, `payloads`, `bait`, `self_test`: the proof, attacks that each run in a child of their own.

A **work module** has `prepare(task, fd)`. It imports and `dlopen`s all that it will need, makes every C callback (later
there is no executable memory to be had), does not look at the file, and returns `work`. With the layers on,
`work(step)` is called: it reads the file through `fd`, calls `step("name")` before whatever may crash, and returns the
report: a dict that JSON can say, under 1 MiB. It cannot open files, import, or start threads unless they were asked
for. This package imports nothing, so that a child that imports from it stays small and quick.
"""
