"""Tests of the policy, the runbooks, the evaluation, the notifications and the watch."""
