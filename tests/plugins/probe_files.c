/* The probe, in a process that may have files. */
#define PROBE_ID    "probe-files"
#define PROBE_NEEDS CERTCTL_NEEDS_FILES
#include "probe.c"
