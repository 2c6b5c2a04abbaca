"""Licences of the installed Python distributions of an environment, judged by a policy file."""
