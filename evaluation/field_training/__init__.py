"""Learns what ``postprocess_svc.fields`` ships: the weights of the candidates' features, and what confidences mean."""
