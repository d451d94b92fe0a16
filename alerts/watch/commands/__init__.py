"""`watch start|status|stop|report|wait`."""
