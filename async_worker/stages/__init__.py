"""The stage workers: a queue's messages become leases, leases become work, work becomes rows and objects.

::

    StageConsumer ── receives, bounded places, winds up                      (consumer)
      └ Attempt ──── one delivery: decode, claim, work, close, acknowledge   (attempt)
          ├ LeaseKeeper ── heartbeat of message and lease                    (lease_keeper)
          ├ Gate ───────── nothing new while a dependency is down            (gate)
          ├ Faults ─────── a slower pace while our own faults meet all work  (faults)
          └ StageWork ──── ReadStage | StructureStage                        (read_stage, structure_stage)
"""
