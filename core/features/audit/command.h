/** `certctld audit ...`: what is done to the trail from a terminal of the server, or from anywhere with an export. */
#ifndef CORE_AUDIT_COMMAND_H
#define CORE_AUDIT_COMMAND_H

/** `argv[0]` is "audit".  Returns the program's exit status: 0 good, 1 tampered with, 2 could not be done. */
int audit_command(int argc, char **argv);

#endif
