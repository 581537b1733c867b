"""`lethe up`: server and collector of one machine, without any configuration.

The command writes the configuration of both into its data directory, starts the real programs as
children and stops them together. Somebody who outgrows it starts the same two programs with the
same files under a service manager.
"""
