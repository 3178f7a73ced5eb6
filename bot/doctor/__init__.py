"""`imgbatch doctor`: what is set up, what is missing, what is wrong, and what to do about it."""
