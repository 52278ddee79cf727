/* The probe, in a process that may use the network. */
#define PROBE_ID    "probe-network"
#define PROBE_NEEDS CERTCTL_NEEDS_NETWORK
#include "probe.c"
