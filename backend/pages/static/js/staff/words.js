// 角色的中文名称。

export const ROLES = {
  office: "项目办公室",
  auditor: "审计人员",
  "account-admin": "账号管理员",
  "counter-clerk": "窗口工作人员",
  "community-worker": "社区工作者",
  "partner-manager": "合作方管理员",
  "data-officer": "部门数据专员",
  "market-manager": "市场管理员",
};

export const roleNames = (memberships) =>
  memberships.map((one) => `${ROLES[one.role] ?? one.role}（${one.organisation_name}）`).join("、") || "没有角色";
