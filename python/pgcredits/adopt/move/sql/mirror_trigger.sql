-- Make generations of what an application writes into a table of tasks.

create or replace trigger {trigger}
after {event} on {table}
for each row
when ({condition})
execute function credits_internal.mirror_legacy_task({query}, {stuck_after})
