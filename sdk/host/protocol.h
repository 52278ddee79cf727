/**
 * What a parent and its plugin process say to each other, each frame one JSON object:
 *
 *     parent -> process                                     process -> parent
 *     {"hello": {protocol_min, protocol_max, mode, ...}}    {"hello": {protocol, enforced, ...}} or {"hello": {error}}
 *     {"call": id, "operation", "deadline_ms", "argument"}  {"result": id, "value"} or {"result": id, "error"}
 *     {"cancel": id}                                        {"log": id, "level", "event", "pairs"}
 *     {"reply": id, "value"} or {"reply": id, "error"}      {"ask": id, "what", "argument"}
 *
 * A process has as many lanes, sockets of their own, as its plugin takes calls at once (`lanes` of hello).  A lane carries one call at
 * a time with all that belongs to it, so nobody hands a frame to another thread; the hello goes over the first.
 *
 * The shape of hello never changes, so that any two versions can tell each other why they do not match.  Only one `ask` of a call
 * is open at a time.  Deadlines are points of CLOCK_MONOTONIC, which both sides share.
 */
#ifndef CERTCTL_PROTOCOL_H
#define CERTCTL_PROTOCOL_H

/**
 * Versions this code speaks, as parent and as plugin process alike.
 * 2  a lane a call; before, all calls shared one
 */
#define CERTCTL_PROTOCOL_MIN 2
#define CERTCTL_PROTOCOL_MAX 2

/** Where the plugin process finds its first lane; the others follow it. */
#define CERTCTL_PROTOCOL_FD 3
/** As many as a plugin may take calls at once. */
#define CERTCTL_LANES_MAX 64

/** Records a call may log, records a process may log in a second, and what one may hold; more is counted and dropped. */
#define CERTCTL_LOG_RECORDS_MAX 200
#define CERTCTL_LOG_SECOND_MAX  1000
#define CERTCTL_LOG_RECORD_MAX  ((size_t)4096)

#endif
