// Sets the chosen theme before anything is drawn; without a choice the system's holds.
{
  const chosen = localStorage.getItem("lethe.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
