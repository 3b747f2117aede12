"""How many machines a load needs: a model of queues, its service times, its prices, its check against the load test.

Here and not in ``loadtest``, which speaks HTTP and imports nothing of the house: the model takes the batches from the
pixel side's own rules, its service times from measurements of this package, and counts operations in our own graphs.

  workload       documents, pages and lines as they come
  profile        what each costs: core-seconds of every stage, seconds of the models
  operations,    the two models' operations and bytes, and from them a GPU's seconds (computed, not measured)
  gpus
  cores,         the queueing network, simulated with SimPy: cores that are shared, model instances with a queue of two
  stations,      priorities and a batcher, and what a document does among them
  network
  closed_forms   what queueing theory knows about simpler cases; the simulation is tested against it
  demand         busy seconds a page by resource: where the bottleneck lies, without simulating
  machines,      named machine types with prices; the most that a cell of them takes within the target, and the fleet
  sizing
  validation     predicted beside measured, from the load test's figures
"""
