"""What stories are told with: real programs on free ports, in a folder of their own, stopped by pid."""
