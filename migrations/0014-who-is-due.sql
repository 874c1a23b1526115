-- When something is next due for each user, for every task in one index, and where sweeps go on.

alter table credits.user_credits
rename column next_expiry_at to next_due_at;

alter table credits.user_credits
add column next_allowance_at timestamptz;

drop index credits.user_credits_next_expiry;
drop index credits.user_credits_allowance;

-- Who got this month's allowance is due when the next month begins; all others on a plan have been
-- due since this month began.
update credits.user_credits as u
set
    next_allowance_at = d.next_allowance_at,
    next_due_at = least(u.next_due_at, d.next_allowance_at)
from (
    select
        b.user_id,
        (
            greatest(
                date_trunc('month', now() at time zone s.business_time_zone),
                case
                    when b.allowance_credits >= p.monthly_credits
                        then b.allowance_month + interval '1 month'
                    else b.allowance_month
                end
            )
        ) at time zone s.business_time_zone as next_allowance_at
    from credits.user_credits as b
    inner join credits.plans as p on b.plan = p.plan
    cross join credits.settings as s
) as d
where u.user_id = d.user_id;

-- The sweeps go through this index by key. Neither column changes on an ordinary call.
create index user_credits_next_due on credits.user_credits (next_due_at, user_id)
where next_due_at is not null;

comment on column credits.user_credits.next_due_at is
'When something is next to be written for the user: the sooner of next_allowance_at and of the '
'expiry of the soonest lot that still holds credits; null = nothing will be.';
comment on column credits.user_credits.next_allowance_at is
'When the plan brings the next credits, or when to look again; null = the user is on no plan.';

create table credits.sweep_positions (
    task text not null,
    due_at timestamptz,
    user_id uuid,
    round_until timestamptz,
    constraint sweep_positions_pkey primary key (task)
);

comment on table credits.sweep_positions is
'Where the latest call of each sweep ended, so that the next one goes on from there: whom it could '
'not serve, and index entries that cannot be removed yet, do not stand in its way each time.';
comment on column credits.sweep_positions.task is
'The function, e.g. apply_allowances.';
comment on column credits.sweep_positions.due_at is
'next_due_at of the user whom the call looked at last; null = it goes on from the beginning.';
comment on column credits.sweep_positions.user_id is
'The user whom the call looked at last; null = it goes on from the beginning.';
comment on column credits.sweep_positions.round_until is
'The round that this position is in is for those who were due by then. Whoever became due later '
'comes in the next one, so that each round ends, and those who were passed over are reached.';

insert into credits.sweep_positions (task)
values
('apply_allowances'),
('expire_user_credits');
