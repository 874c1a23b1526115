-- A task's row in provider_tasks is where its attachment and its early callbacks meet.

-- A callback that comes before its task is attached makes the row: it is nobody's until then.
alter table credits.provider_tasks
alter column user_id drop not null,
alter column generation_id drop not null,
add constraint provider_tasks_attached_to_a_generation check (
    (user_id is null) = (generation_id is null)
) not valid;

insert into credits.provider_tasks (provider, provider_task_id, created_at)
select
    c.provider,
    c.provider_task_id,
    min(c.received_at) as created_at
from credits.provider_callbacks as c
group by
    c.provider,
    c.provider_task_id
on conflict do nothing;

comment on table credits.provider_tasks is
'How a provider''s callback finds its generation. The row is made by whichever comes first, the '
'attachment of the task or a callback.';
comment on column credits.provider_tasks.user_id is
'The user whose generation it is; null = nobody has attached the task yet.';
comment on column credits.provider_tasks.generation_id is
'The generation that the task belongs to; null = nobody has attached the task yet.';
comment on column credits.provider_tasks.created_at is
'When the task was attached; of one that is not attached: when its first callback came.';
