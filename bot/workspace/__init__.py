"""A Slack workspace on loopback, with a web page: for the demo and the tests."""
