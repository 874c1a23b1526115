drop table credits.sweep_positions;

drop index credits.user_credits_next_due;

update credits.user_credits as u
set
    next_due_at = (
        select min(l.expires_at)
        from credits.credit_lots as l
        where
            l.user_id = u.user_id
            and not l.depleted
    )
where u.next_due_at is not null;

alter table credits.user_credits
drop column next_allowance_at;

alter table credits.user_credits
rename column next_due_at to next_expiry_at;

create index user_credits_next_expiry on credits.user_credits (next_expiry_at)
where next_expiry_at is not null;
create index user_credits_allowance on credits.user_credits (
    plan, allowance_month, allowance_credits
)
where plan is not null;
