/* The settings of certctl-agent. */
#include "agent/shared/settings.h"
#include "agent.h"

#define T struct certctl_agent_settings

const struct certctl_field certctl_agent_fields[] = {
	CERTCTL_OPTION(T, server, CERTCTL_URL, .help = "The control plane's address for agents, https://HOST:8444."),
	CERTCTL_OPTION(T, ca_file, CERTCTL_PATH,
		.help = "Certificates (PEM) that the control plane's own certificate must lead to."),
	CERTCTL_OPTION(T, token_file, CERTCTL_PATH,
		.help = "A file with the enrolment token; read only while there is no identity yet."),
	CERTCTL_OPTION(T, dir, CERTCTL_PATH, .fallback = "/var/lib/certctl/agent",
		.help = "This agent's identity and the reports that wait for the control plane."),
	CERTCTL_OPTION(T, socket, CERTCTL_PATH, .fallback = "/run/certctl-agent-worker/socket",
		.help = "Where certctl-agent-worker listens."),
	CERTCTL_OPTION(T, name, CERTCTL_REFERENCE, .refers_to = "agent",
		.help = "What to call this agent; default: the host's name."),
	CERTCTL_OPTION(T, heartbeat_s, CERTCTL_INTEGER, .fallback = "30", .min = 1, .max = 3600,
		.help = "Seconds between looks at the worker; what is new is told at once, and a sign of life is sent when nothing "
			"else was for three times as long."),
	CERTCTL_OPTION(T, look_s, CERTCTL_INTEGER, .fallback = "300", .min = 1, .max = 86400,
		.help = "Seconds between looks at what the servers of this host serve."),
	CERTCTL_OPTION(T, log_level, CERTCTL_ENUM, .fallback = "info", .choices = certctl_settings_log_levels,
		.help = "What is logged: this level and above."),
	CERTCTL_OPTION(T, log_format, CERTCTL_ENUM, .fallback = "logfmt", .choices = certctl_settings_log_formats,
		.help = "How a log record looks."),
	{ 0 },
};
