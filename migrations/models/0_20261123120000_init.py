from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE "users" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INT NOT NULL DEFAULT 1,
    "email" VARCHAR(254) NOT NULL,
    "name" VARCHAR(100) NOT NULL,
    "avatar_url" TEXT,
    "timezone" VARCHAR(64) NOT NULL DEFAULT 'UTC',
    "password_hash" TEXT NOT NULL,
    "disabled_at" TIMESTAMPTZ
);
CREATE TABLE "idempotency_keys" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "mutation" VARCHAR(64) NOT NULL,
    "key" VARCHAR(255) NOT NULL,
    "input_hash" BYTEA NOT NULL,
    "outcome" JSONB NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_idempotency_user_id_53493d" UNIQUE ("user_id", "mutation", "key")
);
CREATE TABLE "sessions" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "user_agent" VARCHAR(400),
    "last_used_at" TIMESTAMPTZ NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "revoked_at" TIMESTAMPTZ,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX "sessions_user" ON "sessions" ("user_id");
CREATE TABLE "refresh_tokens" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "token_hash" BYTEA NOT NULL,
    "spent_at" TIMESTAMPTZ,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "session_id" UUID NOT NULL REFERENCES "sessions" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_refresh_tok_token_h_e92003" UNIQUE ("token_hash")
);
CREATE INDEX "refresh_tokens_session" ON "refresh_tokens" ("session_id");
CREATE TABLE "workspaces" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INT NOT NULL DEFAULT 1,
    "slug" VARCHAR(48) NOT NULL,
    "name" VARCHAR(100) NOT NULL,
    "sync_epoch" UUID NOT NULL,
    CONSTRAINT "uid_workspaces_slug_4c0966" UNIQUE ("slug")
);
CREATE TABLE "memberships" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INT NOT NULL DEFAULT 1,
    "role" VARCHAR(16) NOT NULL,
    "removed_at" TIMESTAMPTZ,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_memberships_workspa_a2d391" UNIQUE ("workspace_id", "user_id")
);
CREATE INDEX "memberships_user" ON "memberships" ("user_id");
CREATE TABLE "projects" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INT NOT NULL DEFAULT 1,
    "key" VARCHAR(10) NOT NULL,
    "name" VARCHAR(100) NOT NULL,
    "description" TEXT,
    "last_task_number" INT NOT NULL DEFAULT 0,
    "archived_at" TIMESTAMPTZ,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_projects_workspa_f3ca97" UNIQUE ("workspace_id", "key")
);
CREATE TABLE "labels" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INT NOT NULL DEFAULT 1,
    "name" VARCHAR(50) NOT NULL,
    "color" VARCHAR(7) NOT NULL,
    "project_id" UUID REFERENCES "projects" ("id") ON DELETE CASCADE,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE
);
CREATE INDEX "labels_workspace" ON "labels" ("workspace_id", "name", "id");
CREATE TABLE "statuses" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INT NOT NULL DEFAULT 1,
    "name" VARCHAR(50) NOT NULL,
    "color" VARCHAR(7) NOT NULL,
    "type" VARCHAR(16) NOT NULL,
    "position" INT NOT NULL,
    "project_id" UUID NOT NULL REFERENCES "projects" ("id") ON DELETE CASCADE,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_statuses_project_3e1a01" UNIQUE ("project_id", "name")
);
CREATE TABLE "tasks" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INT NOT NULL DEFAULT 1,
    "number" INT NOT NULL,
    "title" VARCHAR(500) NOT NULL,
    "description" TEXT,
    "priority" SMALLINT NOT NULL DEFAULT 0,
    "rank" TEXT COLLATE "C" NOT NULL,
    "due_date" DATE,
    "estimate" DOUBLE PRECISION,
    "started_at" TIMESTAMPTZ,
    "completed_at" TIMESTAMPTZ,
    "archived_at" TIMESTAMPTZ,
    "deleted_at" TIMESTAMPTZ,
    "assignee_id" UUID REFERENCES "users" ("id") ON DELETE SET NULL,
    "creator_id" UUID REFERENCES "users" ("id") ON DELETE SET NULL,
    "parent_id" UUID REFERENCES "tasks" ("id") ON DELETE SET NULL,
    "previous_status_id" UUID REFERENCES "statuses" ("id") ON DELETE SET NULL,
    "project_id" UUID NOT NULL REFERENCES "projects" ("id") ON DELETE CASCADE,
    "status_id" UUID NOT NULL REFERENCES "statuses" ("id") ON DELETE RESTRICT,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_tasks_project_005de1" UNIQUE ("project_id", "number")
);
CREATE INDEX "tasks_board" ON "tasks" ("status_id", "rank", "id") WHERE archived_at IS NULL AND deleted_at IS NULL;
CREATE INDEX "tasks_project_rank" ON "tasks" ("project_id", "rank", "id");
CREATE INDEX "tasks_project_created" ON "tasks" ("project_id", "created_at", "id");
CREATE INDEX "tasks_workspace_created" ON "tasks" ("workspace_id", "created_at", "id");
CREATE INDEX "tasks_workspace_updated" ON "tasks" ("workspace_id", "updated_at", "id");
CREATE INDEX "tasks_workspace_due" ON "tasks" ("workspace_id", "due_date", "id");
CREATE INDEX "tasks_workspace_priority" ON "tasks" ("workspace_id", "priority", "id");
CREATE INDEX "tasks_assignee" ON "tasks" ("assignee_id", "created_at", "id") WHERE assignee_id IS NOT NULL;
CREATE INDEX "tasks_parent" ON "tasks" ("parent_id", "rank", "id") WHERE parent_id IS NOT NULL;
CREATE TABLE "comments" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INT NOT NULL DEFAULT 1,
    "body" TEXT NOT NULL,
    "resolved_at" TIMESTAMPTZ,
    "deleted_at" TIMESTAMPTZ,
    "author_id" UUID REFERENCES "users" ("id") ON DELETE SET NULL,
    "parent_id" UUID REFERENCES "comments" ("id") ON DELETE CASCADE,
    "task_id" UUID NOT NULL REFERENCES "tasks" ("id") ON DELETE CASCADE,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE
);
CREATE INDEX "comments_task" ON "comments" ("task_id", "created_at", "id");
CREATE INDEX "comments_parent" ON "comments" ("parent_id", "created_at", "id") WHERE parent_id IS NOT NULL;
CREATE TABLE "events" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "seq" BIGINT NOT NULL,
    "type" VARCHAR(64) NOT NULL,
    "entity_type" VARCHAR(32) NOT NULL,
    "entity_id" UUID NOT NULL,
    "entity_version" INT,
    "changes" JSONB NOT NULL,
    "batch_id" UUID,
    "actor_id" UUID REFERENCES "users" ("id") ON DELETE SET NULL,
    "project_id" UUID,
    "task_id" UUID,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_events_workspa_a9f681" UNIQUE ("workspace_id", "seq")
);
CREATE INDEX "events_task" ON "events" ("task_id", "seq") WHERE task_id IS NOT NULL;
CREATE INDEX "events_entity" ON "events" ("entity_id", "entity_version");
CREATE TABLE "event_texts" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "field" VARCHAR(64) NOT NULL,
    "before" TEXT,
    "after" TEXT,
    "event_id" UUID NOT NULL REFERENCES "events" ("id") ON DELETE CASCADE,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_event_texts_event_i_890841" UNIQUE ("event_id", "field")
);
CREATE TABLE "task_labels" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "label_id" UUID NOT NULL REFERENCES "labels" ("id") ON DELETE CASCADE,
    "task_id" UUID NOT NULL REFERENCES "tasks" ("id") ON DELETE CASCADE,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_task_labels_task_id_85ee74" UNIQUE ("task_id", "label_id")
);
CREATE INDEX "task_labels_label" ON "task_labels" ("label_id", "task_id");
CREATE TABLE "task_relations" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "type" VARCHAR(16) NOT NULL,
    "creator_id" UUID REFERENCES "users" ("id") ON DELETE SET NULL,
    "related_task_id" UUID NOT NULL REFERENCES "tasks" ("id") ON DELETE CASCADE,
    "task_id" UUID NOT NULL REFERENCES "tasks" ("id") ON DELETE CASCADE,
    "workspace_id" UUID NOT NULL REFERENCES "workspaces" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_task_relati_task_id_29c95e" UNIQUE ("task_id", "related_task_id", "type")
);
CREATE INDEX "task_relations_related" ON "task_relations" ("related_task_id", "type", "task_id");
CREATE TABLE "workspace_counters" (
    "seq" BIGINT NOT NULL DEFAULT 0,
    "workspace_id" UUID NOT NULL PRIMARY KEY REFERENCES "workspaces" ("id") ON DELETE CASCADE
);
CREATE TABLE "aerich" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "version" VARCHAR(255) NOT NULL,
    "app" VARCHAR(100) NOT NULL,
    "content" JSONB NOT NULL
);

        -- Hand-written (app/models/hand_written.py)
        CREATE UNIQUE INDEX "users_email" ON "users" (lower(email));
        ALTER TABLE "users" ADD CONSTRAINT "users_email_present" CHECK (email <> '');
        ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_slug_form" CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$');
        ALTER TABLE "workspace_counters" ADD CONSTRAINT "workspace_counters_seq_range" CHECK (seq >= 0);
        ALTER TABLE "memberships" ADD CONSTRAINT "memberships_role_known" CHECK (role IN ('OWNER', 'ADMIN', 'MEMBER', 'GUEST'));
        ALTER TABLE "projects" ADD CONSTRAINT "projects_key_form" CHECK (key ~ '^[A-Z0-9]{2,10}$');
        ALTER TABLE "projects" ADD CONSTRAINT "projects_last_task_number_range" CHECK (last_task_number >= 0);
        ALTER TABLE "statuses" ADD CONSTRAINT "statuses_name_present" CHECK (name <> '');
        ALTER TABLE "statuses" ADD CONSTRAINT "statuses_color_form" CHECK (color ~ '^#[0-9A-Fa-f]{6}$');
        ALTER TABLE "statuses" ADD CONSTRAINT "statuses_type_known" CHECK (type IN ('BACKLOG', 'UNSTARTED', 'STARTED', 'COMPLETED', 'CANCELED'));
        ALTER TABLE "statuses" ADD CONSTRAINT "statuses_position" UNIQUE ("project_id", "position") DEFERRABLE;
        ALTER TABLE "tasks" ADD CONSTRAINT "tasks_number_range" CHECK (number > 0);
        ALTER TABLE "tasks" ADD CONSTRAINT "tasks_title_present" CHECK (title <> '');
        ALTER TABLE "tasks" ADD CONSTRAINT "tasks_priority_range" CHECK (priority BETWEEN 0 AND 4);
        ALTER TABLE "tasks" ADD CONSTRAINT "tasks_rank_present" CHECK (rank <> '');
        ALTER TABLE "tasks" ADD CONSTRAINT "tasks_parent_other" CHECK (parent_id <> id);
        ALTER TABLE "tasks" ADD CONSTRAINT "tasks_due_date_range" CHECK (due_date BETWEEN '0001-01-01' AND '9999-12-31');
        ALTER TABLE "tasks" ADD CONSTRAINT "tasks_estimate_range" CHECK (estimate > '-Infinity' AND estimate < 'Infinity');
        ALTER TABLE "task_relations" ADD CONSTRAINT "task_relations_type_known" CHECK (type IN ('BLOCKS', 'DUPLICATES', 'RELATES_TO'));
        ALTER TABLE "task_relations" ADD CONSTRAINT "task_relations_tasks_differ" CHECK (task_id <> related_task_id);
        ALTER TABLE "labels" ADD CONSTRAINT "labels_name_present" CHECK (name <> '');
        ALTER TABLE "labels" ADD CONSTRAINT "labels_color_form" CHECK (color ~ '^#[0-9A-Fa-f]{6}$');
        CREATE UNIQUE INDEX "labels_workspace_name" ON "labels" (workspace_id, lower(name)) WHERE project_id IS NULL;
        CREATE UNIQUE INDEX "labels_project_name" ON "labels" (project_id, lower(name)) WHERE project_id IS NOT NULL;
        ALTER TABLE "events" ADD CONSTRAINT "events_seq_range" CHECK (seq > 0);
        ALTER TABLE "events" ADD CONSTRAINT "events_changes_list" CHECK (jsonb_typeof(changes) = 'array');"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXW1z4jgS/isUn3aruKmEvO7V1VWRDLPDboZsJeRmX8tlQAm+gM3YJhludv77SfKbJF"
    "tGfgGEp7/sTmy1JB5JLfXTrfaX9sKZorn35tpZLJDtt//Z+tK2zQXC/xBfdVptc7lMXpAH"
    "vjme07KToBB9aI493zUnpLJHc+4h/GiKvIlrLX3LsfFTezWfk4fOBBe07Kfk0cq2Pq2Q4T"
    "tPyJ8hF7/44y/82LKn6DPyyJ9f2o8Wmk/pv3Hz3rNhTUmjExeZPpoaJu0ofkbk0OelizwP"
    "t+pFVUU/LuqwQeqgP2W9pC/aVA7/APrH106La3FpuliqaptBLdJWWx/f9+/6rbit1uC+Nb"
    "wdtYYPNzftr6TG5bNBO8WNV9Ap+tyI6n14GLx9R0sSwMfGxJmvFnZSern2Z44dF1+trOkb"
    "IkPePSEbueQHMgNJxikc8+hRMGb4ge+uUDxY0+TBFD2aqzmZDu1/Pa7sCZkFLTyV3oQTzJ"
    "p6b2z0in/ov8NeMhKGgX+5cd8fGUa7wESaYPgxmhaZkhijr0G9CTb0aZs0cP2+d/fdyfn3"
    "FA3H859c+pIi1/5KBU3fNJI5kADOjz8P/Fv8xrcWKBt8XlIYhGko+ib6R5nBiB4ko5Gsxf"
    "zhGJseerPyJ4btvGYMyNB5/e777QzFaPChfz/qffiFVL/wvE9zimRv1CdvuvTpWnj6XTBy"
    "DlY4gSaKK2l9HIzet8ifrd9vh31xfONyo9/JKm+bK98hP9kwpyxa0ePoEVUI0QRYLaclJw"
    "AvCRPgQCfAC3KJpk+P/sD2sweekRBG3Qp2hG2M87E4iMflhw93EP/vH93j04vTy5Pz00tc"
    "hPYsfnKRM8KD4Ygq1QTCsTNdp/Eb4c0wG8CovIAe7uK20Iug2e2+NOr/OuKWwfA/vTu6WX"
    "3o/fo9txRuboc/RsWTdTC8vrm9EsDGU9+Zv5TSWIJoDSorPB4cwlgcml7CehyV25h4SRhl"
    "nUcZv5w5rlHs3M8JVTj+H864bjzhJ4hy5p0qopwQIMojypjoqngyInWap42A89Vxn72lOU"
    "EFMRXlAFgMLGFSHp8zTfsYrzTI7xwXWU/2z2hNoR7gzph2UFBANbSnPrJ1HSa4ydNET7nm"
    "a0xCpeYXRiE4SdBh6N1f99722ynFUAO4o7CahuLK6MLNkAZbew2gPnhIxZrSc8PaiCl3Au"
    "JQxT0ISdb0oaAGWBkmvZnIcieh7PlKdO7YnDy/mu7UkChfFy3nFvLSiF+Fgu9+vkNz08/m"
    "UZoKNoXO6ToMZByY6VeL7kJ8YtrmE/1JpG3SUohW/0Xi/QledPJ8P+hlO56fP/hd2EOf2n"
    "8peoNo2U6uMybodb77J3TEhBXzbhjBMYQrs/x12Hz4R8T1qfUkEMpxRYHjBxw/wPtrwbwQ"
    "/ZLenawnKe0fCuyO8t/iBhV6AH7odk9OLrpHJ+eXZ6cXF2eXR7ErIP0qzydwNfiRuAW4wU"
    "z7CShmKcyvZ6YrYRHC8o3wE+CN+7MxR/aTP8N/np/moBl5Cc5PhfUR+Q+69BUPbrhhFcVY"
    "EGsg1CddBahPulKoyatMqIvt2ZwQcDfZkBZ3xqYFSylozQyIuj20k5lpP2WZYz/d3w4lx5"
    "xERDzjWBO/9Xdrbnlb2/qY0814Zc19y/bekPb2ccgkEHGHmpQXV3TYCtOdVCB6ccemP5kV"
    "1CCsDPgoeDyxxVrcjcbIAJ6CF811/osmhd1onBRgqokfrZFoghsN3Gg6cLqdym40ug+By2"
    "eTy4fZrVU8PsFWVAOsvyQ1HT6yUQd4nw+3bXPgDm9bvevRAJ+A9+j5PVRcZZ5fBlQVX5qP"
    "PvsVPWnUBUQCchukeLfvTKOAyRxqEZobnGpGPHp1e9bQC+vSTvnVwNUEriZwNWnhanqMBl"
    "eVlI8FGkjH1+/5GKNHfPBI45tzASWWKAWwnueRnd1AMR99lGGvyOGOBQDt4mgHp4iCvqaX"
    "WqLZdVMkQBxpBywQR3skjngLoDy6cYBgQ5Fl1WHRkNZtGpmDKVosHR/ZkzUerHaGpSmU6O"
    "SZm1ZS1nhG663YnKuQYlys/JhxwG2B8QnG55bUBxifFY1Pdqmq2p+sDJigCiboM8pIgCDH"
    "NyzeQGi7Z2cK2OJSUnDpOx5dy16ufGNmerMMFtyyTXct2T44OQHt8doPopsODO+8KNww+C"
    "hWSxjUq8Gwd/dbtgF6lRGsdPXbqN8T8HewpnUWGed4efQYI6JH9BhptjHRY+QYVtB6ZUTA"
    "cM03XKND7m7c8ZpCutGoYiaUTjbVjTlG83aGKRW86ORZUHNSZMf5D0Wrn/a6o5KKMOitwd"
    "EscO1MA9XSAXMMzDHINwgTIHMCQL7ByrdZoj1S1dyOyjfQ3j47UjC3z46k1jZ5JVwVcuZZ"
    "0ahydGOBBsKbNy8jdC+k4F6I2MKtCnDnag0suHP36M6FkHX1LEXyiPVCaYpohHZi9pcPsC"
    "aR7DHD0JAZvdUA6w9oMcbn2pm1bGeQNczbTh5js4jLbT95EaUFc7MXRZTYBuKG6bQRcY1A"
    "3Giw+3WAuAG7HYgbmACZEwCIm8rEjevMJcRN314tUodbDsxIVmeWgW7fRTmG43MFkuFYnP"
    "kJy0BeiZ+IWDhlvxDBSsKnA3TWRxAEADySrsACj7RHHgniVw44fiWi7jJIEYbVkzMiITO2"
    "fToEwv73rWQ7QFeAtQp0BUyAzAkAdEVlugJudUQUhUqUybE8yuQ4FWUCITwMuGro5sGbwp"
    "ftWQpmeaYGQQzyNRTP1zA3PZ9+ksSwV8TPV0ABZ4nuThMfiQNwpI8mNt3JzCpHaQqiwGnq"
    "fGgBEg5IOB3JIjUSTiXiKPnSVvlgI9V8HXoqqnScEb99Vg/GUg3EOkR88Gr0V17VL+vd01"
    "oatGA5jMgRqoZ4vibBs03K+g494o1nNnKekd3O4K2595088toNSho+KboVCpvWHKQEyA3l"
    "84LYPYVoPr7PRihIfxbE9O3/ENQBkhw4Upm5wWiD9G6Rk1iEl4PEIp1WucQi3pIkZiu+/F"
    "g5MOh1XmF447RwdSXGmJfcl4qFYVYaZua4VOAIw0sBZ5PP2TAny4qMzX1S02ECu5Gv4WeW"
    "TvE9EfYZdhIzLHITyYvMkM4us9Qo3myKOgfXmnTSKR0wgcAEyo0ix6oqK5G03B3PSzXBTc"
    "z75E+VfPKnOT7507RPnrp3MXJlVpsoe1DrDc7LYBZ9k8PsohfnueRFLFYSOA6dRxkuYkE2"
    "1n0bvBVus3yRuLIyKPECDlTR6dcQ3LfqSA298lnUQOyvz2EGmMiAut2mTGoi2jO4+AMGvU"
    "YGBhj0cPEHJgBc/IEEs5Bg9rDgrTnBLIUmE9rNCXYiWZ1R1iTBDlbZVvbVKqmOZUV2p2S3"
    "OY9r1rl7zo2sG7yQ1EY7YOE+zTeWHPlQ0a0zOzLco9gZ/UexyiD/Igzl1F88UNvk/YIryf"
    "m3JigFGc4717RptzeHDdHuG2MHI0h/VlbQUOvj+/5dv8Xc5m0N7lvDh5ubVm/4thXMcPZx"
    "oD6YzvGromjvIulIThLZlNsmz7AVbTmUVm9cVLLlmk9qqdwBnmAq3oFQvnwHpniCkyrKNY"
    "+lyze9dC3Htfx1uaZZabX2TVzxk42qjX1UycZVmTRGl9/tSLIETTf5EnvhFUiFN3UlboLv"
    "CDgowEEB/LQW/DQ4KL7xCQAOiuoOiqKphfaRUOiAyEff8mWZ6SU3QCMBndny0i4fNZ9Pnt"
    "MHEpKVUuXbSEjG2g4pbbHZLcSKa5WMTNUXFKiKk+7FeawlyB95CuL+Q+/mJuPzFaHFItBh"
    "ax/dulPkoql8HkeijVAX25/B4qkDF2td397c4ONL68/29Z9tUbswhn36RClRLYxM3lmyUR"
    "qGHAAF7JCHf2omdu/mjimZz6yQAN4jkWoWaLcPVzf91i93/evB/eB2yB+p6UvyCD+wApb9"
    "rt+7EVMd+KZbzurhJeEqgM6mzcRZLCMiujC9IcjCSOs80pCR9NsY58SxVHSYeUkYZZ1HWf"
    "CWqLoDBDH4NLsQ6UkIe6fo3TheCjAVrHnWhaYcJccKAaIiP4JeLGflGVz0gnoAYpY0YAzB"
    "nVsHtdR8rWuaNhNSiJeFeFkd4gw7EC+rWbxsWvHWAG3j0rCLyHK7DQfsHbbZ7gbXI3HWcq"
    "epXUKs57lLYe5mnT85qHFXmHA80eStAWPF3BoHirBg5CtAG1qwgOwGZHlLXwHYJAS0Iq6K"
    "1xIOFFfO3JfAqnL/Y+IsFtW/VnMd1NKgXY53n8IHffI/WLMa7+4e0SECRD/4V8dnjwhGqp"
    "8+OsilZtkkEBQZbghFDXixpZoIGUCVC9W2r/MFy1Fypy9eq/kX+xjdUPvXkEKtSlvIv9pH"
    "i4RHCtortWs7YeeD/1HZ7NtLcD8H7ufA9QwtfOHsSlddd6wMcN/i5YJQXRbAkxEBOMFHAz"
    "6a/YO7BR9NdPzaDZl1qLgyunAzpPE5syKmTbOjRVDZDVunzyNxhqbEbmIN0Q2mE2f+bst6"
    "oo3gc2/0N51KucYUKxHZVOsg+14R2yr+dUZYIRhYmmyrHTCwwMCSfnV2DUk6d5CkE6KP67"
    "e9MjYuVWAzRMECA6YAmIIDARaYAmAKNMe1EFMgWm0AbR60Gbv3ZoghDk4NXKU4uP3wMRT4"
    "DB4mGhA5/0K+SLb9r1QDrQG0BtAaWtAakNfxG58AkNexch5CtDCtDPeVPA9hLKAzIagOJ0"
    "cJds9OFThBXEpKCtJ38GkvGeWqlOfxOCfP43E6z6P5gg8IrrFyM6axPD0eLwVZHotneSQ7"
    "4/8cu2AS00Rmd/O7/TC6Tm+k0cM6Jva5it44l6uN85TWWJqe9+pgY2pmerMiEzsl2Ag9su"
    "vJPbU8gkSpLEy8KKRh0u0EmeKVdbyZpueYb7gtM0WLpeMje7I2ntG6IlaDpLaf0fpwdVY+"
    "ZgtE0qR7M2tZEa4PcUVNhcqLIpMq4XQf1NJUkMK74wFvDlcgZTBFDCCgtMsLaomrNYPg5/"
    "ywcpY/dmVuJcLSm6+eUpGUQPkD5Q+MrxaML1D+3/gEAMq/MuVP97gUfnLSLirfCCKJ5+1O"
    "LxV4u9NLKW9HXgHbv0u231vbEwMtnUkGKZqTg5ST2nV05QEewg6CI9Nt+itZnrvM3nS4AB"
    "k++lwLSsRR0lSk6kjh1LRrp0CuloMqzEhbEafmZe7lDx804ymqykA3LQdv6uLAbhjVg4UH"
    "cu8pIwXZ5HLxKkTWswf1le1nfc05wvTWRiMH/2czsjFrf53U2SBPSBnnRoREno+DQUvB1W"
    "GEA7bH2w063mzc7P7YTxRMBQeHhz5lrErrScpuhgJafSe5KLP5Q7d7cnLRPTo5vzw7vbg4"
    "uzyKKc70qzyu82rwI6E7OyybFPCfBfiMtE5Vuncaqcxd3DrVYeLXdOe0PudyD7nWZJaldc"
    "M3ubrWTMpoc3tMuugzVWnGmg+HRdupVI9nQ65Npc4iOR8v9xY1gZLvnp0pXXA4y7ngcJYK"
    "wF8uiyAcFm8gultxeOAW/cxPUPx0fzuUxDokIqKf25r4rb9bc8s7YI4mC1wCBufCTgWBi/"
    "HewtmMVHBV9aBQdTP7+n9f42rd"
)
