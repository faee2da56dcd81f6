from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE "mailed_tokens" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "purpose" VARCHAR(32) NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "address" VARCHAR(254) NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    "user_id" UUID NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
    CONSTRAINT "uid_mailed_toke_token_h_181ec8" UNIQUE ("token_hash")
);
CREATE INDEX "mailed_tokens_user" ON "mailed_tokens" ("user_id", "purpose");
        CREATE TABLE "outbox_mails" (
    "id" UUID NOT NULL PRIMARY KEY,
    "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "kind" VARCHAR(32) NOT NULL,
    "address" VARCHAR(254),
    "attempts" INT NOT NULL DEFAULT 0,
    "due_at" TIMESTAMPTZ NOT NULL,
    "finished_at" TIMESTAMPTZ,
    "outcome" VARCHAR(16),
    "user_id" UUID REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE INDEX "outbox_mails_due" ON "outbox_mails" ("due_at") WHERE finished_at IS NULL;
CREATE INDEX "outbox_mails_finished" ON "outbox_mails" ("finished_at") WHERE finished_at IS NOT NULL;
CREATE INDEX "outbox_mails_user" ON "outbox_mails" ("user_id", "created_at") WHERE user_id IS NOT NULL;
        ALTER TABLE "users" ADD "deleted_at" TIMESTAMPTZ;
        ALTER TABLE "users" ADD "email_verified_at" TIMESTAMPTZ;"""


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "users" DROP COLUMN "deleted_at";
        ALTER TABLE "users" DROP COLUMN "email_verified_at";
        DROP TABLE "outbox_mails";
        DROP TABLE "mailed_tokens";"""


MODELS_STATE = (
    "eJztXW1v4zYS/iuGP7WAb5E4rz0cDkiy2dZt4hSJ9/oOQbaZWBdb8kpyEt92//uR1BtJkb"
    "LebFPa+dJuJA5JP6SGnHmGw8/dhTNFc+/dlbNYINvv/rPzuWubC4T/Ib7qdbrmcpm8IA98"
    "czynZSdBIfrQHHu+a05IZY/m3EP40RR5E9da+pZj46f2aj4nD50JLmjZT8mjlW19WiHDd5"
    "6QP0MufvHHX/ixZU/RG/LIn5+7jxaaT+m/cfPes2FNSaMTF5k+mhom7Sh+RuTQ29JFnodb"
    "9aKqoh8XddggddCfsl7SF10qh38A/eNLr8O1uDRdLFW1zaAWZaudX364vr/uxG11Bg+d4d"
    "2oM/x4c9P9QmpcPhu0U9x4BZ2iz42o3o8fB+8/0JIE8LExcearhZ2UXq79mWPHxVcra/qO"
    "yJB3T8hGLvmBzECScQrHPHoUjBl+4LsrFA/WNHkwRY/mak6mQ/dfjyt7QmZBB0+ld+EEs6"
    "beOxu94h/677CXjIRh4F9uPFyPDKNbYCJNMPwYTYtMSYzRl6DeBBv6tEsauPrh4v6bo9Nv"
    "KRqO5z+59CVFrvuFCpq+aSRzIAGcH38e+Pf4jW8tkBx8XlIYhGko+i76R5nBiB4ko5F8i9"
    "nDMTY99G7lTwzbeZUMyNB5/ebb7QzFaHB7/TC6uP2ZVL/wvE9ziuTF6Jq86dOna+HpN8HI"
    "OVjhBJoorqTzy2D0Q4f82fn9bngtjm9cbvQ7+cq75sp3yE82zCmLVvQ4ekQVQjQBVstpyQ"
    "nAS8IEaOgEeEEu0fTp0R/YvnzgGQlh1K1gRdjGOB+Kg3hYfvhwB/H//tE/PD47Pj86PT7H"
    "RWjP4idnGSM8GI6oUk0gHDvTdRq/EV4M5QBG5QX0cBe3hV4EzW7XpdH1ryPuMxj+5+KeLl"
    "a3F79+y30KN3fD76PiyXcwvLq5uxTAxlPfmb+U0liCaA0qK9weNGEsmqaXsB5H5RYmXhJG"
    "WedRxi9njmsU2/dzQhW2/80Z1407/ARRzrzLiygnBIjyiDImel48GZE6zdNWwPnquM/e0p"
    "yggpiKcgAsBpZ4Uh6fpaZ9jFca5A+Oi6wn+ye0plAPcGdMOygooBraU7+wdTUT3ORpoqdc"
    "8zV2QqXmF0Yh2EnQYbh4uLp4f91NKYYawB2F1bQUV0YXboY0WNprAPWjh/JYU3ouWBsx5X"
    "ZAHKq4B6GTNb0pqAFWxpPeTmS5nZB8vhKdOzYnz6+mOzUUytdFy7mFvDTil6Hgh5/u0dz0"
    "5X6UtoJNoXP6DgMZB2b61aK/EJ+YtvlEfxJpm7QUonX9omB/ghe9LO4HvWyH+fmDX4U99K"
    "n7V042iJbtZZIxQa+z6Z+QiAkr5mkYgRjClVn+Omw+/CPy9eXrSSCUQUUB8QPED/j9tfC8"
    "EP2SXp2sJ6XbPxTYnct/iwtUyAB81+8fHZ31D45Oz0+Oz85Ozg9iKiD9KosTuBx8T2gBbj"
    "DTPAHFLIX51cx0FV6EsHwreAK8cL8Zc2Q/+TP85+lxBpoRS3B6LHwfEX/Qp694cMMFqyjG"
    "glgLoT7q54D6qK+EmrySQl1szeaEwHcjh7Q4GZsWLKWgNTMg6mZoJzPTfpKZYz8+3A0V25"
    "xERNzjWBO/83dnbnlbW/qY3c14Zc19y/bekfb2sckkEHGbmhSLKxK2wnQnFYgs7tj0J7OC"
    "GoSVAY6CxxNbrMVpNEYG8BRYNNf5L5oUptE4KcBUEx6tlWgCjQY0mg4+3V5lGo2uQ0D5bK"
    "J8mNU6D+MTLEU1wPpzUlPzkY06wHM+3LLNgTu861xcjQZ4B7xH5repuKqYXwbUPFyaj978"
    "ikwapYBIQG6LFO/2yTQKmIpQi9DcQKoZ8ejVzayhF5bSTvFqQDUB1QRUkxZU02M0uHmd8r"
    "FAC93x9TMfY/SINx5pfDMOoMQSpQDWcz+ysxMo5qOPJPaKGu5YANAujnawiyjINb3UEs2u"
    "myIBx5F2wILjaI+OI94CKI9uHCDYUmRZdVg0pHWbRuZgihZLx0f2ZI0HqyuxNIUSvSxz00"
    "rKGs9ovRWbcxW6GBcrP/Y44LbA+ATjc0vqA4zPisYn+6nmtT9ZGTBBc5igz0iSAEGNb1i8"
    "hdD2T05yYItLKcGl73h0LXu58o2Z6c0kXnDLNt21Yvng5AS0x2s/iG5qGN5ZUbhh8FGslj"
    "Col4Phxf1vcgP0UhKsdPnb6PpCwN/BmtZZSPbx6ugxRkSP6DHSbGuix8g2rKD1yoiA4Zpt"
    "uEab3N3Q8ZpCutGoYiaUTjbVjTlG867ElApe9LIsqDkpsuP8h6LVT3vdy5OKMOitwblZ4N"
    "iZBqqlB+YYmGOQbxAmgHQCQL7ByqdZojUyr7kdlW+hvX1ykMPcPjlQWtvklXBUyJnLolHV"
    "6MYCLYQ3a15G6J4pwT0TsYVTFUDnag0s0Ll7pHMhZD1/liJ1xHqhNEU0Qjsx+8sHWJNI9t"
    "jD0JIZvdUA61vTmqPpyHlGdlfirWFf97J8Ngta0PBJya1Q3rTmgETITF3EOlhXLtataJMD"
    "h+u6EXkdwYWjwTrYAxcOWPAqCz76vFOjr7aRGJEWWkn1Z1hhlG56Wc5gfHk5YHx7JRlf/D"
    "WQVavIFGdEWjjF+yd5YkZwqYy4hnTKprelhTErsZLwkvtaSfYUZd+09QLYemDr920wa8rW"
    "36LFGLnezFp2ZUZg8raXaQPG5bafwpZOt1yG4CbrL+k02H466Zoe2H5g+wF9DxNAOgGAvq"
    "9M37vOXOE8ubZXi9R+jQMzktXZxKTLd1ED8/A0h315KM78xLwkr8SLAhdO2XsCWUm4QE5n"
    "fQTGJUQT6AosRBPsMZoA/CIN9ovcrfyx80ZI8K7EL8K87WX5RRxaziA8845PNUxxWbx72O"
    "ACYftnYBGlCyS8xOfRsi1vRjcm9CIf2SU+TJlCzUdyRfugukyImViM6V+kR5lOobA3YSt8"
    "T8BdBO4i8BZosTt/xugWIVGj8jqbt9oECeyBpNbMkN0BR236PlosZflnlQ4vVmR3Hq8DEe"
    "ODCrjW7PEKt0MF14BEqlH6H3w04irA7kkLzgFBFHxxOo+zMk+GekFS58lowYJUv097b95O"
    "zXBuQSSNnog21WEUnfiReIuYw0BqV1F4oGb78TOQLXDfGqAHDgtwWEB8C0wA6QSA+JbK1j"
    "4kg4z2/3mSUxyqk1McppJTQOYPBtx86GbBm8KX7VkKZvUFD4JYGyzZLJ2+jWse5qbnG/Q4"
    "ur0igeEFFLBMFPyu5InpTmZWuRg4QRQcbzpvWiBqC6K2dHQW5YvaUnuMhKs+6rgEsrGKKp"
    "2ehF8+q+dwyZu/pYn44K/RX3moIkIPtJYWfbB80gG8haohDVCb4Nmmy/oePeKFZ6ZMAcS9"
    "72U5r92gpAZJgLwgsC/H8U++z0YoSH8WHALd/yaoB05y8JGqzA3ITrPf7DTektznVvzzY+"
    "XAoNf5C4PMOF/FMDPbpQJbGF4KfDbZPhtmZ1nRY/OQ1NRMYDf6a/iZpVN8T4S9xE5ihkVt"
    "InmRGdLb5TGwnKlwos5BHhyddEoPTCAwgTLTDmBVJbt/Wk3H81JtoIl5Tv44Fyd/nMHJH6"
    "c5eUrvYuTKfG2ibKO+N9gvg1n0VQ6zi16c55KZe1hJ8HHoPMqQuac9h1k0hXSbp1k+K6gs"
    "iUu8AIEqkn4twX2rRGrIystcAzFfn+EZYCID6qZNmRuNaM/g4A8Y9BoZGGDQw8EfmABw8A"
    "fupYV7aZsFb8330lJopNBuzsgcyeqMsiYZmbHKtuRHq5Q6lhXZnZLd5jyuWefu+Upl3eCt"
    "Yh3AeRo4T6OX26TXyDuVm4punZcqwzmKnbn/KFYS51+Eodr1Fw/UNv1+wZHk7FMT1AUZzj"
    "vXtGm3N4cN0e4bYwcjSH+WLGgozJPMnOaNMkd3LobvO8EMz0wozX8VRXsXSUdyisimzDZ5"
    "D1vRlkPp/I2LSrZc80ktlTvAO5iKdyCUL98BkoiTVFGu+azE5hubXrqW41r+ulzTrHS+9k"
    "1c8ZONqo19VMnGrzJpLDOX+tJ0SeB+yS+QCm/qStwEpFIHggL80xr6p4Gg+MonABAU1QmK"
    "oqmF9pFQqEHOR9/yVVcZKk6ARgI6e8tLUz75OJ8s0gcSkpVS5dtISMbaDiltsZkWYsW1Sk"
    "aWlwsKVMVR/+w01hLkjywF8XB7cXMjue80tFgEd9jaR3fuFLloqp7HkWgr1MX2Z7C468DF"
    "Old3Nzd4+9L5s3v1Z1dyL0dk2Kd3lArVwshk7SVbpWHIBlDADnn4p0qx+zB3TMV8ZoUE8B"
    "6JVLtAu/t4eXPd+fn++mrwMLgb8ltq+pI8wg+swMt+f31xI6Y68E23nNXDS8JRAJ1Nm4mz"
    "WEaO6MLuDUEWRlrnkYaMpF/HOCfEUtFh5iVhlHUeZYEtyUsHCGJwLZEQ6Ukc9k7Rs3G8FG"
    "AqWPMshZY7So4VAkRF/wh6sZyVZ3DRC/kDEGXSgDEEd24d1FLzta5p2k5IIV4W4mV1iDPs"
    "QbysZvGyacVbA7StS8MuIsutNhyw99hmux9cjcRZy+2mdgmxnvuuHHNXtv/koMZdYcLxRJ"
    "O3BozbfVGsYOTngDa0YAHZDcjyln4OYJMQ0Iq45jyW0FBcOXNfAWue8x8TZ7GoflvNVVBL"
    "i1Y5nj6FC32yL6xZjXd3jqiJANEL/+q49ohglPfqo0Z+apZNAkGR4YZQ1IAXW6qNkAFUmV"
    "Bt+zhf8DkqzvTF32r2wT5GN9R+G1KoVWkL2Uf7aJFwS0F7le/YTtj54H9UVn56Cc7nwPkc"
    "OJ6hBRfOful5vztWBnzf4uGCUF0WwJMRATiBowGOZv/gboGjibZfu3FmNRVXRhduhjTeZ1"
    "bEtG12tAgqu2DrdD0SZ2gq7CbWEN1gOnHm77asJ9oI3vdGf9OplGlMsRKRTbUOsu8Vsa3i"
    "X2eEFYKBpcmy2gMDCwws5a2za0jSuYMknRB9XL/tJVm48gIrEQULDDwF4CloCLDgKQBPge"
    "a4FvIUiFYbQJsFrWT13gwxxMHlAzdXHNx+/DEUeIkfJhoQtf+F3Ei2/Vuqwa0Bbg1wa2jh"
    "1oC8jl/5BIC8jpXzEKKFaUnoK3UewlhAZ4dgfjg5l2D/5DiHTxCXUjoF6Tu42kvlcs2V5/"
    "EwI8/jYTrPo/mCNwiusXIl01idHo+XgiyPxbM8kpXxf45dMIlpIrO7+d39OLpKL6TRwzom"
    "9mkevXGqVhunKa2xND3v1cHG1Mz0ZkUmdkqwFXpk15ObrnIG3i1YuMkyO0xpBZCSSefd5N"
    "TyCMilMm/xojDOWo8zJFhr6SinGCMdz5zqOeYbzsFN0WLp+MierI1ntK6I1SCp7Se0bu5u"
    "JBszsgEg/IXzjKoehrulVY1ITa1FC5HrIryZtayKVVxRW6FyVv7YeTPI/KqI1R2t6TZ06L"
    "RQb3lRMGslmB6CWto6n8J0IwHVCqfmVTBFpBGgtMszzUl0joQT5kJ31MRwHP2ylaB8b756"
    "SgXfA0sMLDGQhFqY+8ASf+UTAFjiyiwxXeNS+Kl5nqh8K7gHnuo5Ps9B9RyfK6ke8goI4l"
    "0SxN7anhho6UwkPFpG2mpOatcB+Q3chDXC+arb9M9lee4y4V9zATJ89FYLSoRbbytSdWT9"
    "a1umAvBDl4MqTGJeEaf2JXvnNx80STaq6oFuW9r21Fmz3XhUGwsPpGvNjRQkIM3Eq5Cznt"
    "2or2wfSU7WRZje2Wjk4P9sRjb22l8ldbaICSlDbkRIZHEcDFo5qA4jHLA9HojT8TD8Zvpj"
    "P+FVFQgOD32SfJXWk9K7GQrszrN5IOJ5UB7D0LP5Xb9/dHTWPzg6PT85Pjs7OT+IXZzpV1"
    "m+zsvB98Td2WO9SYH/s4A/I61Tc6UqiFTmLhIV6DDxa0pTUB+5fIFcazKTad3wTaauNZMy"
    "2hw4Vn70UlUq+ebDYdF2KtXDbKi1qZIsUvvj1WxRG1zy/ZOTXGfiTjLOxJ2kzmwtl0UQDo"
    "u3EN2tEB64RV96a9GPD3dDRaxDIiLy3NbE7/zdmVteg300MnAJGByFnTo3JB4REvZmpILL"
    "qhuFqovZl/8DQcDEmQ=="
)
