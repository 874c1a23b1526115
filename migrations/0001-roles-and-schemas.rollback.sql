-- Roles stay: they belong to the whole server, and other databases may use them.

drop schema credits_monitoring;
drop schema credits_internal;
drop schema credits;
