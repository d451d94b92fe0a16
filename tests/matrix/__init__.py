"""The fault matrix: faults in labs, and the notifications of a real Prometheus and Alertmanager about them."""
