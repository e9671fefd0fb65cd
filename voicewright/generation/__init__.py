"""What each arm is asked, and its answers: texts, likelihoods, mode tags, preference margins, harness scores."""
