# Runs a connector with its output in a file, and prints what it used: `python run.py <output file> <command> …`. Its exit code is the
# connector's. The CPU time includes all threads and child processes.
import json
import resource
import subprocess
import sys
import time

output, command = sys.argv[1], sys.argv[2:]
started = time.monotonic()
with open(output, "wb") as file:
    code = subprocess.run(command, stdout=file).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": time.monotonic() - started, "cpuSeconds": used.ru_utime + used.ru_stime}))
sys.exit(code)
