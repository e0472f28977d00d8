"""What belongs to the process: forks, threads, values made once, logs and bars."""
