-- The balance on the user's own row is all that there is.
create table public.profiles (
    id uuid primary key,
    username text,
    credits int not null default 0,
    updated_at timestamptz default now()
);

create function public.decrement_credits(p_user uuid, p_amount int)
returns int
language plpgsql
security definer
as $$
declare
    v_credits int;
begin
    select p.credits into v_credits from public.profiles as p where p.id = p_user;
    if v_credits < p_amount then
        raise exception 'Insufficient credits';
    end if;
    update public.profiles set credits = v_credits - p_amount where id = p_user;
    return v_credits - p_amount;
end
$$;
