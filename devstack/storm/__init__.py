"""`make storm`: a thousand orders while everything breaks, judged by what the remotes hold."""
